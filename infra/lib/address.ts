/** Hosts on this machine, where tests and emulators listen. Plain HTTP to them does not leave it. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Scheme, authority, path, query and fragment, https://www.rfc-editor.org/rfc/rfc3986#appendix-B. */
const PARTS = /^(https?):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/;

/** A host and perhaps a port: no user name and no password, which would hide the host from a reader. */
const AUTHORITY = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?$/i;

/** The characters that an address may have, same source: no space, no backslash, nothing but ASCII. */
const LEGAL = /^(?:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/;

/** Reads an address: `https`, or `http` on this machine. Undefined if it is none. */
export function parseAddress(text: string): { readonly query?: string; readonly fragment?: string } | undefined {
  const [, scheme, authority, , query, fragment] = PARTS.exec(text) ?? [];
  const [, host] = AUTHORITY.exec(authority ?? "") ?? [];
  if (host === undefined || !LEGAL.test(text) || !URL.canParse(text)) {
    return undefined;
  }
  // Programs differ in how they read a host such as 127.1 or 0x7f000001, so only its plain form counts.
  if (new URL(text).hostname !== host.toLowerCase()) {
    return undefined;
  }
  return scheme === "https" || LOOPBACK.includes(host.toLowerCase()) ? { query, fragment } : undefined;
}
