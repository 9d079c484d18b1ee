/** Bytes. What is longer is no part of a backup, and is not read. */

/** Status.plist. */
export const SMALL_PLIST_LIMIT = 1024 * 1024;
/** Info.plist, which may hold an icon for each app, and Manifest.plist. */
export const LARGE_PLIST_LIMIT = 64 * 1024 * 1024;
