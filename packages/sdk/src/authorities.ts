/** Authorities of one's own (a company's CA) for Node's `fetch`, and so for everything in this package. Node only; certificates are always checked. */
import tls from 'node:tls';

/**
 * From now on this process also trusts these certificates, PEM, one or more. Needs Node 22.19 or 24.5; elsewhere set NODE_EXTRA_CA_CERTS before the start.
 * @throws TypeError when the text holds no certificate, or this Node cannot
 */
export function trustAuthorities(pem: string): void {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (certificates === null) throw new TypeError('there is no certificate in PEM');
  // Not there in the oldest Node that is supported.
  const { getCACertificates, setDefaultCACertificates } = tls as Partial<typeof tls>;
  if (getCACertificates === undefined || setDefaultCACertificates === undefined)
    throw new TypeError('this Node cannot; set NODE_EXTRA_CA_CERTS to the file instead');
  setDefaultCACertificates([...getCACertificates('default'), ...certificates]);
}
