/** Base64 takes four characters for three bytes; a little is left for its padding. */
export const BASE64 = { growth: 1.34 } as const;

const TEXT = /^[A-Za-z0-9+/]+={0,2}$/;

function startsWith(bytes: Uint8Array, magic: readonly number[], at = 0): boolean {
  return magic.every((byte, index) => bytes[at + index] === byte);
}

/** True for the first bytes of a JPEG, PNG or WebP file. */
function isImage(bytes: Uint8Array): boolean {
  return (
    startsWith(bytes, [0xff, 0xd8, 0xff]) ||
    startsWith(bytes, [0x89, 0x50, 0x4e, 0x47]) ||
    (startsWith(bytes, [0x52, 0x49, 0x46, 0x46]) && startsWith(bytes, [0x57, 0x45, 0x42, 0x50], 8))
  );
}

/**
 * The bytes of an image that came as such, or as Base64 text, which is how JSON carries bytes; undefined for what is
 * neither.
 */
export function imageBytes(element: Uint8Array): Uint8Array | undefined {
  if (isImage(element)) return element;
  const text = Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString('latin1');
  if (text.length % 4 !== 0 || !TEXT.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return isImage(bytes) ? bytes : undefined;
}
