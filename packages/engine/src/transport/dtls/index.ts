export type { DtlsError } from './alert.ts';
export { createCertificate, type DtlsCertificate, type Fingerprint, matchesFingerprint } from './certificate.ts';
export { DtlsConnection, type DtlsOptions } from './connection.ts';
export { allProfiles, type DtlsRole } from './handshake.ts';
