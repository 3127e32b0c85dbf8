/** A finding of checkov that stays, and why. Exactly these: one that checkov no longer reports fails the suite. */
export const ACCEPTED: Readonly<Record<string, string>> = {
  CKV_K8S_11: 'a CPU limit throttles a server that has idle cores beside it; requests and the autoscaler bound it',
  CKV_K8S_15: 'images run by digest or exact version: pulling again could only make a start depend on the registry',
  CKV_K8S_35:
    'the AWS SDK and Valkey take these credentials from the environment; both are read-only to the pod and rotate by restart',
  CKV_K8S_43:
    'the image of the in-cluster cache is a public one, pinned by version: a mirror may serve it under another digest',
  CKV2_K8S_5: 'External Secrets reads one namespace that holds nothing but the secrets it is to hand out',
};
