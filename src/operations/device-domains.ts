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
