import type { Construct } from 'constructs';
import type { BackupProps, IBackup } from '../cloud/backup';
import { expectCloud } from '../cloud/building-block';
import type { DnsZoneProps, IDnsZone } from '../cloud/dns-zone';
import type { IMonitoring, MonitoringProps } from '../cloud/monitoring';
import { FakeBlock, fakeName } from './fake-block';
import type { Faked } from './fake-block';

/** Monitoring that scrapes from the namespace `monitoring`. */
export class FakeMonitoring extends FakeBlock implements IMonitoring {
  readonly scraperNamespace = 'monitoring';
  readonly prometheusUrl = 'http://prometheus.monitoring.svc';

  constructor(scope: Construct, id: string, props: Faked<MonitoringProps>) {
    super(scope, id, { target: props.target, values: { workspace: fakeName(props.naming) } });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
  }
}

/** A list of what would be backed up. */
export class FakeBackup extends FakeBlock implements IBackup {
  readonly retentionDays: number;

  constructor(scope: Construct, id: string, props: Faked<BackupProps>) {
    const retentionDays = props.retentionDays ?? 35;
    super(scope, id, {
      target: props.target,
      values: { retentionDays, targets: props.targets.map((target) => target.node.path) },
    });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    for (const target of props.targets) expectCloud(this, 'targets', target, props.target.name);
    if (props.store) expectCloud(this, 'store', props.store, props.target.name);
    this.keep('backup', props);
    this.retentionDays = retentionDays;
  }
}

/** A zone with a late-bound certificate. */
export class FakeDnsZone extends FakeBlock implements IDnsZone {
  readonly domainName: string;
  readonly nameServers: readonly string[] = ['ns1.example.invalid', 'ns2.example.invalid'];
  readonly certificate: string;

  constructor(scope: Construct, id: string, props: Faked<DnsZoneProps>) {
    super(scope, id, { target: props.target, values: { certificate: `fake-cert-${props.domainName}` } });
    this.keep('zone', props);
    this.domainName = props.domainName;
    this.certificate = this.resource.output('certificate');
  }
}
