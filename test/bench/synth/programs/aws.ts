import { AwsCloud } from 'lnmt/aws';
import { synthesize } from './platform';

synthesize(new AwsCloud({ region: 'eu-west-1' }), Number(process.argv[2] ?? 1));
