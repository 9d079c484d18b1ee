export { type ErrorCode, ERROR_CATALOG, IbkError } from './errors.js';
export type * from './events.js';
