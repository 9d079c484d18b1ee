/** Services of a device, and the notifications that matter to a backup. */
export const SERVICE = {
  afc: 'com.apple.afc',
  diagnostics: 'com.apple.mobile.diagnostics_relay',
  installationProxy: 'com.apple.mobile.installation_proxy',
  mobileBackup2: 'com.apple.mobilebackup2',
  notificationProxy: 'com.apple.mobile.notification_proxy',
  springboard: 'com.apple.springboardservices',
} as const;

/** Posted by the device. */
export const DEVICE_NOTIFICATION = {
  syncCancelRequest: 'com.apple.itunes-client.syncCancelRequest',
  syncSuspendRequest: 'com.apple.itunes-client.syncSuspendRequest',
  syncResumeRequest: 'com.apple.itunes-client.syncResumeRequest',
  backupDomainChanged: 'com.apple.mobile.backup.domain_changed',
  passcodeShown: 'com.apple.LocalAuthentication.ui.presented',
  passcodeDismissed: 'com.apple.LocalAuthentication.ui.dismissed',
} as const;

/** Posted to the device. */
export const HOST_NOTIFICATION = {
  syncWillStart: 'com.apple.itunes-mobdev.syncWillStart',
  syncLockRequest: 'com.apple.itunes-mobdev.syncLockRequest',
  syncDidStart: 'com.apple.itunes-mobdev.syncDidStart',
  syncDidFinish: 'com.apple.itunes-mobdev.syncDidFinish',
} as const;
