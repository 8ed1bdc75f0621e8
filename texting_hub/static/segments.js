/* How many segments a text takes, for the counter while one types. A mirror of messaging/segments.py, which decides;
   tests/messaging/test_segments_in_javascript.py holds the two together. */
"use strict";

const Segments = (() => {
  const BASIC = new Set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
      "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
  );
  const EXTENSION = new Set("\f^{}\\[~]|€");
  const SINGLE = { gsm7: 160, ucs2: 70 };
  const PART = { gsm7: 153, ucs2: 67 };

  /* The first character that GSM-7 does not have, or undefined. */
  function foreign(characters) {
    return characters.find((character) => !BASIC.has(character) && !EXTENSION.has(character));
  }

  function pack(costs, capacity) {
    let parts = 1;
    let left = capacity;
    for (const cost of costs) {
      if (cost > left) {
        parts += 1;
        left = capacity;
      }
      left -= cost;
    }
    return [parts, left];
  }

  /* {encoding, segments, used, left, because}: units used and left in the last segment, and what made it UCS-2. */
  function measure(body) {
    const characters = [...body];
    const because = foreign(characters);
    const encoding = because === undefined ? "gsm7" : "ucs2";
    const isLong = because === undefined ? (c) => EXTENSION.has(c) : (c) => c.length > 1;
    const costs = characters.map((character) => (isLong(character) ? 2 : 1));
    const used = costs.reduce((sum, cost) => sum + cost, 0);
    if (used <= SINGLE[encoding]) {
      return { encoding, segments: used ? 1 : 0, used, left: SINGLE[encoding] - used, because };
    }
    const [segments, left] = pack(costs, PART[encoding]);
    return { encoding, segments, used, left, because };
  }

  return { measure };
})();

globalThis.Segments = Segments;
