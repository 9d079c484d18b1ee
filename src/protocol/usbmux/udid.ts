/**
 * UDID forms: 40 lower-case hex digits (up to about A11), or 8 + dash + 16 upper-case hex digits (since A12). USB serial numbers have no
 * dash, so a muxer may report 24 digits (libusbmuxd and usbmuxd put the dash in). Only these forms are taken: a UDID becomes a folder name.
 */

/** The usual form, or undefined for anything that is not a UDID (forty "f" is a device without one). */
export function normalizeUdid(serial: string): string | undefined {
  if (/^[0-9a-f]{40}$/i.test(serial)) {
    const udid = serial.toLowerCase();
    return udid === 'f'.repeat(40) ? undefined : udid;
  }
  const [, chip, unique] = /^([0-9a-f]{8})-?([0-9a-f]{16})$/i.exec(serial) ?? [];
  if (chip === undefined || unique === undefined) return undefined;
  return `${chip}-${unique}`.toUpperCase();
}

/** For comparing: without dashes, in lower case. */
export function udidKey(text: string): string {
  return text.replaceAll('-', '').toLowerCase();
}
