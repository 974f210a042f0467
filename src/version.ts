/** package.json's, which a browser does not have. */
export const programVersion = '0.1.0';
