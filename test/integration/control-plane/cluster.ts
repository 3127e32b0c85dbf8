import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ApiClient } from './api-client';
import type { JsonObject } from '../../support/terraform-json';
import { findProgram, freePort, run, runOk, start, waitFor } from '../processes';
import type { Daemon, RunResult } from '../processes';
import { Skip } from '../suite';
import type { Checks } from '../suite';
import { toolFolder } from '../tools';

/** What differs from one use of the control plane to another. */
export interface ClusterOptions {
  /** Makes the autoscaler look more often than its default of 15 s. */
  readonly autoscalerPeriodSeconds?: number;
}

/** A real Kubernetes control plane on 127.0.0.1, with nodes that kwok pretends. */
export class Cluster {
  readonly api: ApiClient;
  readonly kubeconfig: string;
  private readonly token = randomBytes(16).toString('hex');
  private readonly env: Readonly<Record<string, string>>;

  private constructor(
    private readonly checks: Checks,
    /** Certificates, keys, logs and the store. */
    readonly folder: string,
    private readonly programs: { readonly controlPlane: string; readonly kwok: string },
    private readonly ports: Readonly<Record<'etcd' | 'peer' | 'api' | 'manager' | 'scheduler' | 'kwok', number>>,
  ) {
    this.api = new ApiClient(`https://127.0.0.1:${ports.api}`, this.token);
    this.kubeconfig = path.join(folder, 'kubeconfig');
    this.env = {
      KUBECONFIG: this.kubeconfig,
      HOME: folder,
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
    };
  }

  /** Starts everything; it is stopped when the suite is over. Throws `Skip` when a program is missing. */
  static async start(checks: Checks, options: ClusterOptions = {}): Promise<Cluster> {
    const programs = { controlPlane: toolFolder('control-plane'), kwok: toolFolder('kwok') };
    if (!findProgram('openssl')) throw new Skip('no openssl on the PATH');
    const folder = path.join(checks.folder, 'cluster');
    fs.mkdirSync(folder, { recursive: true });
    const names = ['etcd', 'peer', 'api', 'manager', 'scheduler', 'kwok'] as const;
    const ports = {} as Record<(typeof names)[number], number>;
    for (const name of names) ports[name] = await freePort();
    const cluster = new Cluster(checks, folder, programs, ports);
    await cluster.makeKeys();
    await cluster.startParts(options);
    return cluster;
  }

  /** Runs kubectl of the same release. */
  kubectl(args: readonly string[], input?: string): Promise<RunResult> {
    return run(path.join(this.programs.controlPlane, 'kubectl'), args, {
      env: this.env,
      ...(input !== undefined && { input }),
      timeoutMs: 180_000,
    });
  }

  /** Runs kubectl, which must succeed. */
  async kubectlOk(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, output } = await this.kubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ').slice(0, 120)}: exit ${code}\n${output.slice(-4000)}`);
    return stdout;
  }

  /** Runs Helm against this cluster. */
  helm(args: readonly string[], timeoutMs = 300_000): Promise<RunResult> {
    return run(path.join(toolFolder('helm'), 'helm'), args, { env: this.env, timeoutMs });
  }

  /** Registers nodes and waits until pods can be placed on all of them. */
  async addNodes(nodes: readonly JsonObject[]): Promise<void> {
    await this.kubectlOk(
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: nodes }),
    );
    await waitFor('the nodes to be ready', 60_000, async () => {
      const known = await this.api.list('/api/v1/nodes');
      return (
        known.length >= nodes.length &&
        known.every(({ spec }) => !JSON.stringify(spec?.['taints'] ?? []).includes('not-ready'))
      );
    });
  }

  /** Starts a program beside the cluster; it is stopped before the cluster is. */
  run(
    name: string,
    program: string,
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Daemon {
    const daemon = start(name, program, args, path.join(this.folder, `${name}.log`), options);
    // The API server may take a minute to leave in peace; there is nothing in it to keep.
    this.checks.after(() => daemon.stop(name === 'kube-apiserver' || name === 'etcd' ? 0 : 5_000));
    return daemon;
  }

  private async startParts(options: ClusterOptions): Promise<void> {
    const { controlPlane, kwok } = this.programs;
    const part = (name: string, args: readonly string[]): Daemon => this.run(name, path.join(controlPlane, name), args);
    part('etcd', this.etcdFlags());
    await waitFor('etcd', 30_000, async () => (await fetch(`http://127.0.0.1:${this.ports.etcd}/health`)).ok);
    const apiserver = part('kube-apiserver', this.apiserverFlags());
    await waitFor('kube-apiserver', 90_000, async () => {
      if (apiserver.exitCode !== undefined) throw new Error(apiserver.logTail());
      return (await this.api.request('GET', '/readyz')).status === 200;
    });
    part('kube-controller-manager', this.managerFlags(options));
    part('kube-scheduler', [
      `--kubeconfig=${this.kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--secure-port=${this.ports.scheduler}`,
    ]);
    this.run('kwok', path.join(kwok, 'kwok'), [
      `--kubeconfig=${this.kubeconfig}`,
      `--config=${path.join(kwok, 'stages.yaml')}`,
      '--manage-all-nodes=true',
      '--node-lease-duration-seconds=40',
      `--server-address=127.0.0.1:${this.ports.kwok}`,
    ]);
    await waitFor('the default service account', 60_000, () =>
      this.api.get('/api/v1/namespaces/default/serviceaccounts/default'),
    );
  }

  private etcdFlags(): string[] {
    const client = `http://127.0.0.1:${this.ports.etcd}`;
    const peer = `http://127.0.0.1:${this.ports.peer}`;
    return [
      ...[`--data-dir=${path.join(this.folder, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`],
    ];
  }

  private apiserverFlags(): string[] {
    const file = (name: string): string => path.join(this.folder, name);
    return [
      `--etcd-servers=http://127.0.0.1:${this.ports.etcd}`,
      ...[
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        `--secure-port=${this.ports.api}`,
        `--cert-dir=${file('certs')}`,
      ],
      ...[`--token-auth-file=${file('tokens.csv')}`, '--authorization-mode=RBAC', '--allow-privileged=true'],
      ...[`--service-account-key-file=${file('sa.pub')}`, `--service-account-signing-key-file=${file('sa.key')}`],
      ...['--service-account-issuer=https://kubernetes.default.svc', '--service-cluster-ip-range=10.96.0.0/16'],
      // What lets aggregated APIs such as custom metrics trust the API server.
      ...[
        `--client-ca-file=${file('ca.crt')}`,
        `--requestheader-client-ca-file=${file('ca.crt')}`,
        '--requestheader-allowed-names=front-proxy',
      ],
      ...[`--proxy-client-cert-file=${file('front-proxy.crt')}`, `--proxy-client-key-file=${file('front-proxy.key')}`],
      ...['--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group'],
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    ];
  }

  private managerFlags(options: ClusterOptions): string[] {
    const period = options.autoscalerPeriodSeconds;
    return [
      ...[
        `--kubeconfig=${this.kubeconfig}`,
        `--authentication-kubeconfig=${this.kubeconfig}`,
        `--authorization-kubeconfig=${this.kubeconfig}`,
      ],
      ...[
        `--service-account-private-key-file=${path.join(this.folder, 'sa.key')}`,
        '--use-service-account-credentials',
      ],
      ...[
        '--leader-elect=false',
        '--controllers=*,-nodeipam',
        '--bind-address=127.0.0.1',
        `--secure-port=${this.ports.manager}`,
      ],
      ...(period === undefined
        ? []
        : [
            `--horizontal-pod-autoscaler-sync-period=${period}s`,
            '--horizontal-pod-autoscaler-cpu-initialization-period=1s',
            '--horizontal-pod-autoscaler-initial-readiness-delay=1s',
          ]),
    ];
  }

  private async makeKeys(): Promise<void> {
    const pair = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const write = (name: string, text: string): void =>
      fs.writeFileSync(path.join(this.folder, name), text, { mode: 0o600 });
    write('sa.key', pair.privateKey);
    write('sa.pub', pair.publicKey);
    write('tokens.csv', `${this.token},admin,1,system:masters\n`);
    write('kubeconfig', this.kubeconfigText());
    const openssl = (args: string): Promise<string> => runOk('openssl', args.split(' '), { cwd: this.folder });
    await openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=lnmt-test-ca');
    await openssl('req -newkey rsa:2048 -nodes -keyout front-proxy.key -out front-proxy.csr -subj /CN=front-proxy');
    await openssl(
      'x509 -req -in front-proxy.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out front-proxy.crt -days 2',
    );
  }

  private kubeconfigText(): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [
        { name: 'test', cluster: { server: `https://127.0.0.1:${this.ports.api}`, 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'admin', user: { token: this.token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    });
  }
}
