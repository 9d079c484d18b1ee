/** What the system calls a failure: `ENOENT`, `EIO` … Undefined where it comes from elsewhere. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
