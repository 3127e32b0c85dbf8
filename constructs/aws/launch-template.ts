import { LaunchTemplate } from '@cdktf/provider-aws/lib/launch-template';
import type { LaunchTemplateConfig } from '@cdktf/provider-aws/lib/launch-template';
import type { Construct } from 'constructs';

/** Machines of a launch template. */
export interface NodeTemplateProps {
  /** Value of the `Name` tag of the machines; may be a token. */
  readonly machineName: string;
  /** Other tags of the machines. */
  readonly tags: Readonly<Record<string, string>>;
  /** Size of the disk with containers and images, in GiB. */
  readonly diskGiB: number;
  /** Device of the disk with containers and images. @default '/dev/xvda' */
  readonly dataDevice?: string;
  /** Arguments of this template only: instance type, network interfaces, reservation. @default - none */
  readonly also?: LaunchTemplateConfig;
}

/** What pods may learn from the machine's metadata service: nothing. One hop ends at the host. */
export const METADATA_OPTIONS = {
  httpEndpoint: 'enabled',
  httpTokens: 'required',
  httpPutResponseHopLimit: 1,
  instanceMetadataTags: 'disabled',
} as const;

/** A launch template with what every machine of ours has: IMDSv2 with one hop, encrypted gp3, no key pair, tags. */
export function nodeTemplate(scope: Construct, id: string, props: NodeTemplateProps): LaunchTemplate {
  return new LaunchTemplate(scope, id, {
    updateDefaultVersion: true,
    metadataOptions: METADATA_OPTIONS,
    monitoring: { enabled: true },
    blockDeviceMappings: [
      {
        deviceName: props.dataDevice ?? '/dev/xvda',
        ebs: {
          encrypted: 'true',
          volumeType: 'gp3',
          volumeSize: props.diskGiB,
          deleteOnTermination: 'true',
        },
      },
    ],
    tagSpecifications: ['instance', 'volume', 'network-interface'].map((resourceType) => ({
      resourceType,
      tags: { ...props.tags, Name: props.machineName },
    })),
    ...props.also,
  });
}
