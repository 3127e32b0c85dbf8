import { DataAwsCloudcontrolapiResource } from '@cdktf/provider-aws/lib/data-aws-cloudcontrolapi-resource';
import { DataAwsEc2InstanceTypeOfferings } from '@cdktf/provider-aws/lib/data-aws-ec2-instance-type-offerings';
import { Fn, Token } from 'cdktf';
import type { Construct } from 'constructs';
import type { IEksCluster } from './cluster-types';

/**
 * The first zone of the cluster, by name, that offers the instance type; the plan fails when none does.
 *
 * @returns undefined for an adopted network, whose zones are not known
 */
export function offeredZone(
  scope: Construct,
  id: string,
  cluster: IEksCluster,
  instanceType: string,
): string | undefined {
  const zones = cluster.nodes.availabilityZones;
  if (zones === undefined) return undefined;
  const offerings = new DataAwsEc2InstanceTypeOfferings(scope, id, {
    locationType: 'availability-zone',
    filter: [
      { name: 'instance-type', values: [instanceType] },
      { name: 'location', values: [...zones] },
    ],
  });
  offerings.lifecycle = {
    postcondition: [
      {
        condition: '${length(self.locations) > 0}',
        errorMessage: `LNMT1006: no zone of the network offers ${instanceType}; choose another accelerator, count or region`,
      },
    ],
  };
  return Token.asString(Fn.element(Fn.sort(offerings.locations), 0));
}

/** The zone of a capacity reservation or Capacity Block, read through the Cloud Control API. */
export function reservedZone(scope: Construct, id: string, reservationId: string): string {
  const reservation = new DataAwsCloudcontrolapiResource(scope, id, {
    typeName: 'AWS::EC2::CapacityReservation',
    identifier: reservationId,
  });
  return Token.asString(Fn.lookup(Fn.jsondecode(reservation.properties), 'AvailabilityZone'));
}
