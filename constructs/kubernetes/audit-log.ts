import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, POD_NAME_VARIABLE, VOLUMES, VOLUME_NAMES } from '../../runtime/contract';
import { logHomeless, variableSetTwice } from './errors';
import { isLateBound } from './opaque';

/** Where the audit log of a server is kept. */
export interface AuditVolume {
  /**
   * Name of a PersistentVolumeClaim in the namespace of the workload, which somebody else makes; may be late-bound. Several
   * replicas need one that many nodes may write (`ReadWriteMany`). Each pod has a file of its own, `POD.jsonl`, and nothing
   * is ever removed unless LNMT_AUDIT_FILES says so.
   */
  readonly claimName: string;
}

/** Variables of the container that name the file. Only here, and not in a ConfigMap, is the name of the pod filled in. */
export function auditVariables(audit: AuditVolume | undefined): readonly object[] {
  if (audit === undefined) return [];
  return [
    { name: POD_NAME_VARIABLE, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: INFERENCE_ENV.auditFile.name, value: `${VOLUMES.audit}/$(${POD_NAME_VARIABLE}).jsonl` },
  ];
}

/** The volume with the files of all pods. */
export function auditVolume({ claimName }: AuditVolume): {
  readonly name: string;
  readonly persistentVolumeClaim: object;
} {
  return { name: VOLUME_NAMES.audit, persistentVolumeClaim: { claimName } };
}

/** Folders that the server may write without a volume for it: devices, and what is lost with the pod. */
const LOST = `a file below ${VOLUMES.tmp} that is lost with the pod`;
const WRITABLE = ['/dev/', `${VOLUMES.tmp}/`, `${VOLUMES.modelCache}/`];

/** Holds the variables to files that can be written. @throws LNMT3005 beside a claim, LNMT3023 for another file */
export function checkLogFiles(
  scope: IConstruct,
  audit: AuditVolume | undefined,
  env: Readonly<Record<string, string>> = {},
): void {
  const { auditFile, payloadLogFile } = INFERENCE_ENV;
  if (audit !== undefined && auditFile.name in env) throw variableSetTwice(scope, 'env', auditFile.name, 'auditLog');
  for (const { name } of [auditFile, payloadLogFile]) {
    const file = env[name];
    if (file === undefined || isLateBound(file) || WRITABLE.some((folder) => file.startsWith(folder))) continue;
    throw name === auditFile.name
      ? logHomeless(
          scope,
          name,
          file,
          `/dev/stderr, or ${LOST}`,
          `remove ${name} from env, and set auditLog: { claimName }`,
        )
      : logHomeless(scope, name, file, LOST, `name a file below ${VOLUMES.tmp}/`);
  }
}
