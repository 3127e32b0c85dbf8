const DATA = '/data';
const CONFIG = '/etc/valkey';
const TLS = '/etc/valkey-tls';
const CONFIG_NAME = 'valkey.conf';

/** Where things lie inside the container of a `Valkey`, and how its health is asked for. */
export const VALKEY_FILES = {
  data: DATA,
  config: CONFIG,
  configName: CONFIG_NAME,
  tls: TLS,
  ping: `valkey-cli -h 127.0.0.1 --tls --cacert ${TLS}/ca.crt ping | grep -q PONG`,
} as const;

/** The configuration that all pods share. The password is not in it. @see https://valkey.io/topics/valkey.conf/ */
export function valkeyConfig(): string {
  const lines = [
    'bind * -::*',
    'port 0',
    'tls-port 6379',
    `tls-cert-file ${TLS}/tls.crt`,
    `tls-key-file ${TLS}/tls.key`,
    `tls-ca-cert-file ${TLS}/ca.crt`,
    'tls-auth-clients no',
    'tls-replication yes',
    'tls-protocols "TLSv1.2 TLSv1.3"',
    `dir ${DATA}`,
    'appendonly yes',
    'protected-mode yes',
    'rename-command DEBUG ""',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Starts the server. The password reaches it on standard input, because arguments are visible to every process, and the
 * first pod is the primary of the others.
 *
 * @param name name of the StatefulSet and of its headless Service
 */
export function valkeyStart(name: string): string {
  return [
    `case "$HOSTNAME" in ${name}-0) follow="" ;; *) follow="replicaof ${name}-0.${name} 6379" ;; esac`,
    // Inside the quotes of a configuration line, quotes and backslashes have to be escaped.
    `secret=$(printf %s "$VALKEYCLI_AUTH" | sed 's/[\\\\"]/\\\\&/g')`,
    `exec valkey-server ${CONFIG}/${CONFIG_NAME} - <<EOF`,
    'requirepass "$secret"',
    'primaryauth "$secret"',
    '$follow',
    'EOF',
    '',
  ].join('\n');
}
