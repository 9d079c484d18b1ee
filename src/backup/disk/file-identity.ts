/** A file's content, as far as it is known: the checksum is missing for what other programs wrote. */
export interface FileIdentity {
  readonly size: number;
  readonly mtimeUs: number;
  readonly sha256: string | null;
}
