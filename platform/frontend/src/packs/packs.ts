/** What the page knows of packs: whom they are for, and which emojis are proposed. */
import type { Target } from "../api/types";

export interface Place {
  target: Target;
  name: string;
  hint: string;
  /** How the file gets to where it belongs, in steps. */
  steps: string[];
}

export const PLACES: Place[] = [
  {
    target: "whatsapp",
    name: "WhatsApp",
    hint: ".wastickers, 30 a file",
    steps: [
      "Get the file onto your phone: share it, or send it to yourself.",
      "Open it with a sticker app that takes .wastickers files, such as Sticker Maker.",
      "In that app, tap “Add to WhatsApp”.",
    ],
  },
  {
    target: "telegram",
    name: "Telegram",
    hint: "Zip, 120 a file",
    steps: [
      "Unpack the zip.",
      "In Telegram, write /newpack to @Stickers and send the files one by one, as files.",
      "manifest.json says which emojis belong to each.",
    ],
  },
  {
    target: "signal",
    name: "Signal",
    hint: "Zip, 200 a file",
    steps: [
      "Unpack the zip on a computer.",
      "In Signal Desktop: File, Create or upload sticker pack; drop the files there.",
      "manifest.json says which emoji belongs to each.",
    ],
  },
  {
    target: "discord",
    name: "Discord",
    hint: "Zip, 320 × 320",
    steps: ["Unpack the zip.", "In your server's settings, under Stickers, upload the files."],
  },
  {
    target: "slack",
    name: "Slack",
    hint: "Zip of emoji, 128 × 128",
    steps: ["Unpack the zip.", "In Slack's emoji menu choose “Add emoji”, and upload each file."],
  },
  {
    target: "png",
    name: "PNG",
    hint: "Zip, full size",
    steps: ["Unpack the zip: these are the stickers at full size, for everywhere else."],
  },
];

export const PROPOSED = "🙂 😂 😍 🥰 😎 🤔 😮 😢 😡 😴 🥳 🤩 👍 👎 👏 🙏 💪 👋 ❤️ 🔥 ✨ 🎉 🐱 🐶".split(" ");
export const MOST_EMOJIS = 3;
export const MOST_ALT = 125;

const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|\u20e3/u;

/** The emojis in a text, each once, three at most; what is none of them is left out. */
export function emojisIn(text: string): string[] {
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  return [...new Set(letters.filter((letter) => EMOJI.test(letter)))].slice(0, MOST_EMOJIS);
}

/** A list with the item at `from` moved to `to`. */
export function moved<Item>(items: readonly Item[], from: number, to: number): Item[] {
  const rest = [...items];
  rest.splice(to, 0, ...rest.splice(from, 1));
  return rest;
}
