/** com.apple.mobilebackup2: hands the stream to the backup service. */
import { serveMobileBackup2 } from '../mobilebackup2d/serve.js';
import { playDeviceLink } from '../replay/play-device-link.js';
import type { ServiceHandler } from './service.js';

export const serveBackup: ServiceHandler = async (stream, phone) => {
  // A stop at the phone was about the backup that ran then.
  phone.cancelRequested = false;
  const steps = phone.replay?.backup();
  if (phone.replay !== undefined && steps !== undefined) await playDeviceLink(stream, phone, phone.replay, steps);
  else await serveMobileBackup2(stream, await phone.backupPhone());
};
