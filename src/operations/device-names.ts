/** How devices are called, and how people type those names. */
import type { DeviceFacts } from '../events.js';
import { modelName } from '../models.js';

/** `iPhone 00008110-001C…`: for a device that tells no name and was never backed up here. */
export function placeholderName(udid: string, productType: string | undefined): string {
  const family = /^(iPhone|iPad|iPod)/.exec(productType ?? '')?.[1] ?? 'iPhone';
  return `${family} ${udid.slice(0, 13)}…`;
}

/** For comparing what was typed with a device's name: case, accents' encoding and the kind of apostrophe do not matter. */
export function nameKey(name: string): string {
  return name
    .normalize('NFC')
    .replace(/[‘’ʼ＇]/g, "'")
    .trim()
    .toLowerCase();
}

export function factsOf(input: {
  readonly name: string;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
}): DeviceFacts {
  const productType = input.productType ?? '';
  return { name: input.name, model: modelName(productType), productType, ios: input.ios ?? '' };
}

/** ` -u "Anna's iPhone"`: for lines to paste. Double quotes suit every shell; what they cannot hold is escaped. */
export function choosingOption(name: string): string {
  return ` -u "${name.replace(/["\\$`]/g, '\\$&')}"`;
}
