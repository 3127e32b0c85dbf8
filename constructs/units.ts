/** Units of time and size, re-exported so that nobody needs cdk8s for a prop. */
export { Duration, Size } from 'cdk8s';
