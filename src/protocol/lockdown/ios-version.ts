/** iOS versions, as far as the protocol depends on them. */
export interface IosVersion {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/** "17.6.1" and the like; what cannot be read counts as a current version. */
export function parseIosVersion(text: string): IosVersion {
  const [, major, minor] = /^(\d{1,4})(?:\.(\d{1,4}))?/.exec(text) ?? [];
  return { major: major === undefined ? 99 : Number(major), minor: Number(minor ?? 0), text };
}
