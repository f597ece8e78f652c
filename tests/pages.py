"""Pages of HTML as tests see them."""

from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Checks that elements nest, and keeps what tests ask about."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tables, self.svg = [], [], [], {}, []
        self.headings, self.text = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self._seen(tag, dict(attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self._seen(tag, dict(attributes))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.row[-1][0] += data
        if self.open and self.open[-1] in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(self.open[-1][1]), data))
        self.text.append(data)

    def _seen(self, tag, attributes):
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.links += [attributes[key] for key in ("href", "src") if key in attributes]
        if tag == "table":
            self.rows = self.tables[attributes["id"].partition("-table-")[2]] = []
        if tag == "tr":
            self.row = []
            self.rows.append(self.row)
        if tag in ("th", "td"):
            self.row.append(["", attributes])
        if tag == "svg":
            self.svg.append(attributes)
