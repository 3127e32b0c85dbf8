export { checkExternalFiles } from './external-data';
export { INSPECTOR_ERRORS, InspectionError } from './errors';
export type { ModelReport } from './inspect';
export { Inspections, inspectFile } from './inspect-file';
