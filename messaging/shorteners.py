"""Public URL shorteners, as data: a link made with one says nothing of where it leads, so carriers take it for spam.

Carriers and the CTIA's Messaging Principles (section 5.3.4) refuse shorteners that anybody may use, not an
organization's own short domain. A new one is one line here. Left out are names that a forgotten
space makes of common words ("wait a bit.do you").
"""

from __future__ import annotations

from typing import Final

SHORTENERS: Final[frozenset[str]] = frozenset({
    "0rz.tw", "1url.com", "4sq.com", "9qr.de", "adf.ly", "adfoc.us", "b23.ru", "bc.vc",
    "bit.ly", "bitly.com", "bitly.ws", "bl.ink", "budurl.com", "buff.ly", "chilp.it", "clck.ru", "cli.gs", "clicky.me",
    "cur.lv", "cutt.ly", "cutt.us", "da.gd", "dlvr.it", "dub.sh", "gg.gg", "goo.gl", "goo.su", "hyperurl.co",
    "is.gd", "ity.im", "j.mp", "kutt.it", "lc.chat", "mcaf.ee", "moourl.com", "n9.cl", "ow.ly", "plu.sh",
    "q.gs", "qr.ae", "qrco.de", "rb.gy", "rebrand.ly", "reurl.cc", "s2r.co", "short.gy", "short.io",
    "shorte.st", "shorturl.asia", "shorturl.at", "shrtco.de", "smarturl.it", "snip.ly", "snipurl.com", "soo.gd",
    "su.pr", "surl.li", "t.co", "t.ly", "t2m.io", "tiny.cc", "tiny.one", "tinyurl.com", "tr.im", "u.nu",
    "urlz.fr", "v.gd", "vzturl.com", "x.co", "x.gd",
})  # fmt: skip
