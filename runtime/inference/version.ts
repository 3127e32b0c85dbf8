/** Name in server metadata. */
export const SERVER_NAME = 'lnmt-inference';

/** Version in server metadata: that of the package. */
export const SERVER_VERSION = '0.1.0';
