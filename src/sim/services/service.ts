/** What every service of the phone is handed: its stream, the phone, and how it was reached. */
import type { Duplex } from 'node:stream';
import type { SimulatedPhone } from '../phone/phone.js';

export type ServiceHandler = (stream: Duplex, phone: SimulatedPhone) => Promise<void>;
