/**
 * Arguments that the bindings (6.25) know and an older provider binary does not: they are left out when such a binary judges. Exactly
 * these: one that no example uses any longer fails the suite.
 */
export const NEWER_THAN_BINARY: Readonly<Record<string, readonly string[]>> = {
  aws_eks_cluster: ['deletion_protection'],
};

/**
 * What moto 5.2.1 cannot serve to the AWS provider 5.100.0. A type, or `type.name` for a single block, with the reason. Exactly these must
 * be dropped from the applied stack: an entry that is no longer needed fails the suite as a new one does.
 */
export const DROPPED: Readonly<Record<string, string>> = {
  aws_backup_restore_testing_plan: 'no route',
  aws_backup_selection: 'not implemented',
  aws_elasticache_user_group: 'not implemented',
  aws_eks_access_entry: 'no route',
  aws_eks_addon: 'no route',
  aws_eks_pod_identity_association: 'no route',
};

/** Attributes that moto does not remember, so that a second plan wants to set them again; exactly these. */
export const DRIFT: Readonly<Record<string, readonly string[]>> = {
  aws_backup_plan: ['tags_all'],
  aws_backup_vault: ['tags_all'],
  aws_db_instance: [
    'monitoring_interval',
    'monitoring_role_arn',
    'performance_insights_enabled',
    'performance_insights_kms_key_id',
    'performance_insights_retention_period',
  ],
  aws_db_parameter_group: ['parameter'],
  aws_eks_cluster: ['access_config', 'upgrade_policy', 'zonal_shift_config'],
  aws_eks_node_group: ['node_repair_config', 'remote_access', 'update_config'],
  aws_kms_key: ['rotation_period_in_days'],
  aws_launch_template: ['tag_specifications'],
  aws_vpc_security_group_ingress_rule: ['description'],
};

/** What moto creates and cannot delete again; exactly these are taken out of the state before the destroy. */
export const UNDELETABLE: Readonly<Record<string, string>> = {
  aws_efs_file_system_policy: 'DeleteFileSystemPolicy is not implemented',
  aws_elasticache_subnet_group: 'DeleteCacheSubnetGroup is not implemented',
};
