/** What a late-bound value looks like, by the expression behind it or, without one, by its name; the first that fits. */
const SAMPLES: readonly (readonly [RegExp, string])[] = [
  [/instance_type_offerings|availability_zone|zone$/, 'eu-west-1a'],
  [/aws_subnet.*id\}?$/, 'subnet-0123456789abcdef0'],
  [/security_group.*id\}?$/, 'sg-0123456789abcdef0'],
  [/aws_(efs|fsx).*file_system.*[_.]?id\}?$/, 'fs-0123456789abcdef0'],
  [/aws_vpc.*id\}?$/, 'vpc-0123456789abcdef0'],
  [/arn\}?$/, 'arn:aws:iam::111122223333:role/sample'],
  [/account_?id\}?$/, '111122223333'],
  [/cidr/, '10.0.0.0/16'],
  [/ur[li]\}?$/, 'https://sample.example.com'],
  [/dns_name|endpoint|host|address|server/, 'sample.example.com'],
  [/port\}?$/, '5432'],
  [/region/, 'eu-west-1'],
  [/bucket/, 'sample-bucket'],
];

/**
 * A text in the place of a late-bound value, of the form that the API server asks of such a field.
 *
 * @param name the value's name
 * @param expression the Terraform expression behind it, where that is known
 */
export function sampleFor(name: string, expression?: string): string {
  // Camel case becomes snake case, so that `roleArn` and `role_arn` read alike.
  const subject = (expression ?? name).replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
  return SAMPLES.find(([pattern]) => pattern.test(subject))?.[1] ?? 'sample';
}
