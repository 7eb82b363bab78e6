/** The browser's own database: drafts of fixes, and fixes and photos on their way to the server. */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Photo } from "../api/types";
import type { Changes } from "../editor/changes";
import type { StrokeNote } from "../editor/stroke";

/** A fix under way, one a photo: what it rests on and how far it got. */
export interface DraftRow {
  photo: string;
  /** The photo as it was read last, to go on without the network. */
  about: Photo;
  /** Which mask of the server the fix rests on, see `servedOf`. */
  served: string;
  /** The fix's id, made here once, so that sending it again is the same fix. */
  correction: string;
  /** The version on the server that the fix replaces; null for a new one. */
  version: number | null;
  prediction: string;
  /** How many steps are not undone. */
  done: number;
  seconds: number;
  /** Raised with every change, so that who sent a draft can tell whether it is still the same. */
  revision: number;
  /** When it was last painted on, in milliseconds. */
  at: number;
}

/** What a draft was begun on. */
export interface BaseRow {
  photo: string;
  /** The mask's PNG as the server sent it. */
  mask: ArrayBuffer;
  /** Which of the subjects it shows. */
  subject?: string;
  /** The strokes and seconds that led to it. */
  strokes: StrokeNote[];
  seconds: number;
}

export interface StepRow {
  photo: string;
  at: number;
  note: StrokeNote;
  tiles: [index: number, packed: Uint8Array][];
  bytes: number;
}

export type SendingState = "waiting" | "conflict" | "refused";

/** A fix on its way to the server. */
export interface SendingRow {
  photo: string;
  name: string;
  correction: string;
  version: number | null;
  prediction: string;
  /** The mask's PNG: of the finished one, or, with `changes`, of the one that these are of. */
  mask: ArrayBuffer;
  changes?: Changes;
  subject?: string;
  strokes: StrokeNote[];
  seconds: number;
  /** An answer about learning that could not be given yet: about all photos, or yes for this one alone. */
  consent: boolean | "photo" | null;
  /** Of the draft it was made from. */
  revision: number;
  /** Masks sent before under this version, whose answers never came: whole, or the sha256 of their pixels. */
  attempted: (ArrayBuffer | string)[];
  state: SendingState;
  error: string;
  at: number;
}

/** A draft that was discarded, whole. */
export interface DiscardedRow {
  photo: string;
  at: number;
  draft: DraftRow;
  base: BaseRow;
  steps: StepRow[];
}

/** A photo that waits to be sent. */
export interface UploadRow {
  /** The photo's id to be. */
  id: string;
  file: File;
  at: number;
  /** Which tab sends it; when that is gone another one may. */
  tab: string;
}

interface Schema extends DBSchema {
  drafts: { key: string; value: DraftRow };
  bases: { key: string; value: BaseRow };
  steps: { key: [string, number]; value: StepRow };
  sending: { key: string; value: SendingRow };
  discarded: { key: string; value: DiscardedRow };
  uploads: { key: string; value: UploadRow };
}

export type Database = IDBPDatabase<Schema>;

export const NAME = "stickersnap";
/** "Acknowledged" means on the disk, not only with the operating system (IndexedDB 3.0, transaction durability). */
export const STRICT = { durability: "strict" } as const;

let opening: Promise<Database> | null = null;

/** The one connection of this page. Rejects where the browser keeps nothing, as in some private windows. */
export function database(): Promise<Database> {
  opening ??= open().catch((error) => {
    opening = null;
    throw error;
  });
  return opening;
}

export async function closeDatabase(): Promise<void> {
  const open = opening;
  opening = null;
  (await open)?.close();
}

async function open(): Promise<Database> {
  const db = await openDB<Schema>(NAME, 2, {
    upgrade(fresh, before) {
      if (before < 1) {
        fresh.createObjectStore("drafts", { keyPath: "photo" });
        fresh.createObjectStore("bases", { keyPath: "photo" });
        fresh.createObjectStore("steps", { keyPath: ["photo", "at"] });
        fresh.createObjectStore("sending", { keyPath: "photo" });
      }
      fresh.createObjectStore("discarded", { keyPath: "photo" });
      fresh.createObjectStore("uploads", { keyPath: "id" });
    },
    blocking: () => void closeDatabase(), // a newer version of the page waits in another tab
    terminated: () => (opening = null),
  });
  return db;
}

/** Every step of a photo's draft from `from` on. */
export const stepsFrom = (photo: string, from: number) => IDBKeyRange.bound([photo, from], [photo, Infinity]);

/** Names the mask the server shows for a photo: what a draft rests on, or has fallen behind. */
export function servedOf({ correction, prediction }: Photo): string {
  return correction ? `${correction.id} ${correction.version}` : (prediction?.id ?? "");
}
