export * from './lnmt-stack';
export * from './outputs';
export * from './platform-stacks';
export * from './state-backend';
