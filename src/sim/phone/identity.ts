/** Names and numbers of a simulated phone: all follow from profile, seed and index, and belong to no real device or person. */
import { createHash } from 'node:crypto';
import { type IosProfile, simulatedUdid } from '../profile.js';

export interface PhoneIdentity {
  readonly udid: string;
  readonly name: string;
  readonly serialNumber: string;
  readonly wifiAddress: string;
  readonly bluetoothAddress: string;
  readonly imei: string;
  readonly iccid: string;
  readonly meid: string;
  readonly phoneNumber: string;
  readonly ecid: number;
}

export function phoneIdentity(profile: IosProfile, seed: number, index: number, name?: string): PhoneIdentity {
  const udid = simulatedUdid(profile, seed, index);
  const bytes = createHash('sha256').update(`ibk-sim/identity/${seed}/${index}`).digest();
  const digits = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => (bytes[(from + i) % bytes.length] ?? 0) % 10).join('');
  // 02: a locally administered address, which no maker hands out.
  const mac = (from: number) =>
    `02:${[0, 1, 2, 3, 4].map((i) => bytes.toString('hex', from + i, from + i + 1)).join(':')}`;
  const imei = `35999999${digits(0, 6)}`;
  return {
    udid,
    name: name ?? (index === 1 ? 'Sim iPhone' : `Sim iPhone ${index}`),
    serialNumber: `SIM${bytes.toString('hex', 4, 9).toUpperCase().slice(0, 9)}`,
    wifiAddress: mac(9),
    bluetoothAddress: mac(14),
    imei: `${imei}${luhnDigit(imei)}`,
    iccid: `8988888${digits(6, 12)}`,
    meid: imei,
    // 555-01xx is set aside for fiction.
    phoneNumber: `+1 (555) 555-01${digits(19, 2)}`,
    ecid: bytes.readUIntBE(20, 6),
  };
}

function luhnDigit(digits: string): number {
  const sum = [...digits].reduceRight((total, digit, i) => {
    const doubled = (digits.length - i) % 2 === 1 ? Number(digit) * 2 : Number(digit);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return (10 - (sum % 10)) % 10;
}
