"""moto_server on 127.0.0.1, with four defects of moto mended that stop the real AWS provider. Usage: moto_server.py PORT

No interface is added that moto lacks.
"""

import os
import sys
import threading
import uuid

# Read when moto's modules load: without it the policies that AWS manages do not exist.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.core import responses  # noqa: E402
from moto.ec2.models import ec2_backends  # noqa: E402
from moto.eks import models as eks  # noqa: E402
from moto.rds import models as rds  # noqa: E402
from moto.server import DomainDispatcherApplication, main  # noqa: E402


def answer_one_request_at_a_time():
    """moto's stores are plain dictionaries: of twenty requests at once, one deletes from what another one walks through, which answers 500."""
    original = DomainDispatcherApplication.__call__
    lock = threading.Lock()

    def call(self, environ, start_response):
        with lock:
            return original(self, environ, start_response)

    DomainDispatcherApplication.__call__ = call


def answer_501_when_unimplemented():
    """The provider repeats a 500 up to 25 times and a 501 never: a missing action fails at once instead of after minutes."""
    original = responses.BaseResponse.call_action

    def call_action(self):
        try:
            return original(self)
        except NotImplementedError as error:
            headers = {"status": 501, "x-amzn-errortype": "NotImplemented"}
            return 501, headers, '{"__type":"NotImplemented","message":"%s"}' % error

    responses.BaseResponse.call_action = call_action


def give_each_database_its_own_resource_id():
    """moto gives all of them the same one, by which the provider looks a database up."""
    original = rds.DBInstance.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        name = str(self.db_instance_identifier)
        self.dbi_resource_id = "db-" + uuid.uuid5(uuid.NAMESPACE_DNS, name).hex.upper()[:26]

    rds.DBInstance.__init__ = init


def give_each_cluster_its_security_group():
    """A cluster comes with one that its nodes wear; moto names none, so that no rule can refer to it."""
    create, delete = eks.EKSBackend.create_cluster, eks.EKSBackend.delete_cluster

    def create_cluster(self, *args, **kwargs):
        cluster = create(self, *args, **kwargs)
        network = ec2_backends[self.account_id][self.region_name]
        config = cluster.resources_vpc_config
        vpc = network.get_subnet(config["subnetIds"][0]).vpc_id
        group = network.create_security_group("eks-cluster-sg-" + cluster.name, "EKS created security group", vpc_id=vpc)
        config["clusterSecurityGroupId"] = group.id
        return cluster

    def delete_cluster(self, name):
        group = self.clusters[name].resources_vpc_config["clusterSecurityGroupId"]
        cluster = delete(self, name)
        ec2_backends[self.account_id][self.region_name].delete_security_group(group_id=group)
        return cluster

    eks.EKSBackend.create_cluster, eks.EKSBackend.delete_cluster = create_cluster, delete_cluster


if __name__ == "__main__":
    answer_one_request_at_a_time()
    answer_501_when_unimplemented()
    give_each_database_its_own_resource_id()
    give_each_cluster_its_security_group()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
