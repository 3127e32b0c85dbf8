/**
 * What moto 5.2.1 cannot serve to the AWS provider 5.100.0. A type, or `type.name` for a single block, with the reason. Exactly these must
 * be dropped from the applied stack: an entry that is no longer needed fails the suite as a new one does.
 */
export const DROPPED: Readonly<Record<string, string>> = {
  aws_eks_access_entry: 'no route',
  aws_eks_access_policy_association: 'no route',
  aws_eks_addon: 'no route',
  aws_eks_pod_identity_association: 'no route',
};

/** Attributes that moto does not remember, so that a second plan wants to set them again; exactly these. */
export const DRIFT: Readonly<Record<string, readonly string[]>> = {
  aws_eks_cluster: ['access_config', 'vpc_config'],
};
