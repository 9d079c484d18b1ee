/**
 * What the overlay's index says of a path.
 *
 * | kind | means |
 * |------|-------|
 * | file | content under a number (`blob`), or that of a file of the folder under another name (`lower`) |
 * | dir  | made by the device; `opaque`: hides all that the folder has there |
 * | gone | removed by the device, with all below it |
 */
export interface OverlayFile {
  readonly kind: 'file';
  /** Number of the received content; null for a reference to `lower`. */
  readonly blob: number | null;
  readonly lower: string | null;
  readonly size: number;
  readonly mtimeUs: number;
  readonly sha256: string | null;
}

export type OverlayEntry = OverlayFile | { readonly kind: 'dir'; readonly opaque: boolean } | { readonly kind: 'gone' };

export interface PlacedEntry {
  readonly path: string;
  readonly entry: OverlayEntry;
}

/** What a listing tells of an entry: a phone lists thousands at once. */
export interface ListedChild {
  readonly path: string;
  readonly kind: OverlayEntry['kind'];
  /** Of a file; otherwise 0, as the time. */
  readonly size: number;
  readonly mtimeUs: number;
}
