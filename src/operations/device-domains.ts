/**
 * The domain to which a path on the phone belongs, as far as its place tells; for "photos and videos" beside the bar, nothing else. The places are those of
 * iOS; the snapshot from which a backup reads is mounted at `/.ba` (libimobiledevice #1361).
 */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/\/Media\/(?:DCIM|PhotoData|PhotoStreamsData)\//, 'CameraRollDomain'],
  [/\/Keychains\//, 'KeychainDomain'],
  [/\/Library\/Health\//, 'HealthDomain'],
  [/\/Media\//, 'MediaDomain'],
  [/\/mobile\/Library\//, 'HomeDomain'],
  [/\/root\//, 'RootDomain'],
];

/** Null where the path does not tell. */
export function domainOfDevicePath(path: string): string | null {
  return PLACES.find(([place]) => place.test(path))?.[1] ?? null;
}

/** The path as a person knows it: without the place where iOS mounts what is backed up, and without the user's home. */
export function shownDevicePath(path: string): string {
  return path.replace(/^\/(?:\.ba|private\/var|var)\/(?:mobile\/)?/, '');
}

/** "Input/output error (5)" as the phone has it, without the number that says the same. */
export function shownReason(text: string): string {
  return text.replace(/ \(\d+\)$/, '') || 'The phone gave no reason';
}
