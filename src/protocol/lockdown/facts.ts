/** What a device says of itself, made fit to be shown and kept. */
import { isPlistDict, type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';

/** Names have some tens of characters. A "name" of megabytes would otherwise go into every line, document and file. */
const LONGEST_FACT = 1000;

/** The values of a domain, texts cut to 1,000 characters; empty for anything but a dictionary. */
export function boundedFacts(value: PlistValue | undefined): PlistDict {
  const facts = plistDict();
  if (!isPlistDict(value)) return facts;
  for (const key of Object.keys(value)) {
    const fact = value[key];
    if (fact !== undefined) facts[key] = typeof fact === 'string' ? boundedFact(fact) : fact;
  }
  return facts;
}

export function boundedFact(text: string): string {
  return text.length <= LONGEST_FACT ? text : text.slice(0, LONGEST_FACT);
}
