/** One row of the phone's manifest, and how it follows from an item of the phone. */
import { createHash } from 'node:crypto';
import { isDigestingDomain } from '../content/domains.js';
import type { ContentItem } from '../content/item.js';
import { wrapForClass } from './keybag.js';

export interface ManifestRecord {
  readonly fileId: string;
  readonly item: ContentItem;
  /** Class and wrapped key (44 bytes) of a regular file in an encrypted backup. */
  readonly encryptionKey: Buffer | undefined;
  /** SHA-1 of the stored bytes, in digesting domains. */
  readonly digest: Buffer | undefined;
}

/** The keys of an encrypted backup; undefined where one is expected: a plain backup. */
export interface FileKeys {
  readonly label: string;
  readonly classKeys: ReadonlyMap<number, Buffer>;
}

/** SHA-1 of `domain-relativePath` in lower-case hex. */
export function fileIdOf(domain: string, relativePath: string): string {
  return createHash('sha1').update(`${domain}-${relativePath}`, 'utf8').digest('hex');
}

/** The AES-256 key of a file. It follows from the content, so that it stays as long as the content does. */
export function fileKey(keys: FileKeys, item: ContentItem & { readonly kind: 'file' }): Buffer {
  return createHash('sha256').update(`${keys.label}/file/${item.source.id}\0${item.source.revision}`).digest();
}

/** @throws TypeError for a protection class that the bag does not open: a bug of the content. */
export function encryptionKeyOf(keys: FileKeys, item: ContentItem): Buffer | undefined {
  if (item.kind !== 'file') return undefined;
  const classKey = keys.classKeys.get(item.protectionClass);
  if (classKey === undefined) throw new TypeError(`no key for protection class ${item.protectionClass}`);
  return wrapForClass(classKey, item.protectionClass, fileKey(keys, item));
}

export function carriesDigest(item: ContentItem): boolean {
  return item.kind === 'file' && isDigestingDomain(item.domain);
}

/** `flags` of the Files table: 1 file, 2 directory, 4 link. */
export function rowFlags(item: ContentItem): number {
  return item.kind === 'file' ? 1 : item.kind === 'directory' ? 2 : 4;
}

/** Bytes that the file takes in the backup: with padding, when encrypted. */
export function storedBytes(sizeBytes: number, encrypted: boolean): number {
  return encrypted ? (Math.floor(sizeBytes / 16) + 1) * 16 : sizeBytes;
}
