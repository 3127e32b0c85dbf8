import type { Construct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import type { CacheProps, ICache } from '../cloud/cache';
import type { DocumentStoreProps, IDocumentStore, IDocumentStoreGrants } from '../cloud/document-store';
import type { EgressRule } from '../cloud/egress';
import type { IRelationalDatabase, RelationalDatabaseProps } from '../cloud/relational-database';
import { FakeBlock, fakeName } from './fake-block';
import type { Faked } from './fake-block';
import { FakeResource } from './fake-resource';

/** A database whose host is late-bound. */
export class FakeRelationalDatabase extends FakeBlock implements IRelationalDatabase {
  readonly host: string;
  readonly port = 5432;
  readonly databaseName: string;
  readonly egress: readonly EgressRule[];

  constructor(scope: Construct, id: string, props: Faked<RelationalDatabaseProps>) {
    super(scope, id, { target: props.target, values: { host: `${fakeName(props.naming)}.invalid` } });
    expectCloud(this, 'network', props.network, props.target.name);
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.keep('database', props);
    this.host = this.resource.output('host');
    this.databaseName = props.databaseName ?? 'lnmt';
    this.egress = inNetwork('PostgreSQL', props.network.cidr, this.port);
  }
}

/** A document store with the API of DynamoDB. */
export class FakeDocumentStore extends FakeBlock implements IDocumentStore {
  readonly api = 'dynamodb';
  readonly storeName: string;
  readonly grants: IDocumentStoreGrants;

  constructor(scope: Construct, id: string, props: Faked<DocumentStoreProps>) {
    super(scope, id, { target: props.target, values: { table: fakeName(props.naming) } });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.keep('documents', props);
    this.storeName = this.resource.output('table');
    this.grants = {
      readWrite: (identity) => {
        expectCloud(this, 'identity', identity, this.cloud);
        const grant = `document-${this.node.addr.slice(0, 8)}`;
        if (!identity.node.tryFindChild(grant)) new FakeResource(identity, grant, { table: this.storeName });
      },
    };
  }
}

/** A cache whose host is late-bound. */
export class FakeCache extends FakeBlock implements ICache {
  readonly host: string;
  readonly port = 6379;
  readonly tls = true;
  readonly egress: readonly EgressRule[];

  constructor(scope: Construct, id: string, props: Faked<CacheProps>) {
    super(scope, id, { target: props.target, values: { host: `${fakeName(props.naming)}.invalid` } });
    expectCloud(this, 'network', props.network, props.target.name);
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.keep('cache', props);
    this.host = this.resource.output('host');
    this.egress = inNetwork('Valkey', props.network.cidr, this.port);
  }
}

function inNetwork(description: string, cidr: string, port: number): readonly EgressRule[] {
  return [{ description, cidrs: [cidr], ports: [{ port, protocol: 'TCP' }] }];
}
