"""Makes mutants: small changes to the functions of a source file, one at a time, at the places that clang's syntax tree names.

What a mutant is called does not depend on where its line stands: its file, its function, the text of its line, the operator, and
what is replaced by what; a number tells apart those that would have the same name.
"""

import collections
import hashlib
import json
import re
from typing import NamedTuple

# What an operator with two operands becomes. Of the relations those that no other implies, once a condition is also made true and
# false: whoever notices them notices the rest.
RELATIONS = {"<": ("<=", "!="), ">": (">=", "!="), "<=": ("<", "=="), ">=": (">", "=="), "==": ("<=", ">="), "!=": ("<", ">")}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*%", "%": "*/"}
BITS = {"&": "|^", "|": "&^", "^": "&|", "<<": (">>",), ">>": ("<<",)}
LOGIC = {"&&": ("||",), "||": ("&&",)}
FAMILIES = {"relation": RELATIONS, "arithmetic": ARITHMETIC, "bits": BITS, "logic": LOGIC}
ASSIGNMENTS = {"+=": ("-=", "="), "-=": ("+=", "="), "*=": ("=",), "|=": ("&=", "="), "&=": ("|=", "="), "^=": ("=",)}
OPERATORS = (*FAMILIES, "operand", "assignment", "increment", "unary", "constant", "enumerator", "variable", "condition",
             "statement", "return", "arguments")
NUMBERS = ("unsigned long", "unsigned int", "unsigned char", "long", "int")
CONDITION_CHILD = {"IfStmt": 0, "WhileStmt": 0, "ConditionalOperator": 0, "DoStmt": 1}


class Mutant(NamedTuple):
    """A change to a file: bytes from begin to end become replacement."""
    file: str
    function: str
    line: str  # the text of the line on which it begins
    operator: str
    original: str
    replacement: str
    number: int  # of those alike in all else, from 1
    begin: int
    end: int
    line_number: int

    @property
    def identity(self):
        """What it is called by, wherever its line stands."""
        return self[:7]

    @property
    def name(self):
        """Short, and another for each identity."""
        return hashlib.sha256(repr(self.identity).encode()).hexdigest()[:10]

    def line_numbers(self, source):
        """The numbers of the lines it is on."""
        return range(self.line_number, self.line_number + source.count(b"\n", self.begin, self.end) + 1)

    def apply(self, source):
        """The bytes of the file, mutated."""
        return source[:self.begin] + self.replacement.encode() + source[self.end:]


def load_tree(text):
    """The syntax tree that clang has dumped, each place with its file: clang names one only where it differs from that of the
    place before."""
    file = None

    def place(pairs):
        nonlocal file
        node = dict(pairs)
        if "offset" in node and "tokLen" in node:
            file = node.setdefault("file", file)
        return node

    return json.loads(text, object_pairs_hook=place)


def _point(place, file):
    """(offset, length of the token, whether a macro is named there) of a place in a file; None for one that is elsewhere."""
    if place.get("expansionLoc", {}).get("isMacroArgExpansion"):
        place = place["spellingLoc"]
    is_macro = "expansionLoc" in place
    place = place.get("expansionLoc", place)
    return (place["offset"], place["tokLen"], is_macro) if place.get("file") == file else None


def type_of(node):
    """The type of an expression, without its names and const."""
    kind = node["type"]
    return kind.get("desugaredQualType", kind["qualType"]).removeprefix("const ")


class _Maker:
    """Mutants of a function."""

    def __init__(self, source, file, function, enumerators):
        self.source = source
        self.file = file
        self.function = function
        self.enumerators = enumerators
        self.made = {}  # (begin, end, replacement): operator

    def span(self, node):
        """(begin, end) of a node's text; None when it has none of its own, as inside a macro."""
        ends = node.get("range", {})
        begin, end = (_point(ends[end], self.file) if ends.get(end) else None for end in ("begin", "end"))
        if begin is None or end is None:
            return None
        return begin[0], self._end(end)

    def _end(self, point):
        """Where a token ends, or the use of a macro with what stands in its brackets."""
        offset, length, is_macro = point
        end = offset + length
        if is_macro and self.source[end:end + 1] == b"(":
            depth = 0
            for end in range(end, len(self.source)):
                depth += {b"(": 1, b")": -1}.get(self.source[end:end + 1], 0)
                if depth == 0:
                    return end + 1
        return end

    def is_macro(self, node):
        """Is it all of one macro's use?"""
        begin, end = (_point(node["range"][end], self.file) for end in ("begin", "end"))
        return begin is not None and begin == end and begin[2]

    def text(self, node):
        """A node's text."""
        return self.source[slice(*self.span(node))].decode()

    def add(self, operator, span, replacement):
        """Adds a mutant, unless it is the original, or is there already."""
        if span is not None and self.source[slice(*span)].decode() != replacement:
            self.made.setdefault((*span, replacement), operator)

    def visit(self, node, parent=None):
        """Mutates a node and all below it."""
        children = [child for child in node.get("inner", []) if child]
        kind = node.get("kind", "")
        if kind.endswith("Stmt") or kind.endswith("Operator") or kind.endswith("Expr") or kind.endswith("Literal"):
            span = self.span(node)
            if span is not None and self.text(node).startswith("REQUIRE"):
                return  # asks for what must hold, and is no code of a kernel's
            if span is not None:
                self.mutate(node, kind, children, span, parent)
        for child in children:
            self.visit(child, node)

    def mutate(self, node, kind, children, span, parent):
        """Adds the mutants of a node."""
        if kind in ("BinaryOperator", "CompoundAssignOperator") and not self.is_macro(node):
            self.binary(node, children, span)
        elif kind == "UnaryOperator" and not self.is_macro(node):
            self.unary(node, children, span)
        elif self.text(node) in ("true", "false"):
            self.add("constant", span, "false" if self.text(node) == "true" else "true")
        elif self.text(node) != "NULL" and (
                kind == "IntegerLiteral" or (kind == "ParenExpr" and self.is_macro(node) and type_of(node) in NUMBERS)):
            for replacement in (f"({self.text(node)} + 1)", f"({self.text(node)} - 1)", "0"):
                self.add("constant", span, replacement)
        elif kind == "DeclRefExpr":
            self.reference(node, span)
        elif kind == "ImplicitCastExpr":
            self.value(node, children, span)
        elif kind == "ReturnStmt" and children:
            self.returned(children[0])
        elif kind == "CallExpr":
            self.arguments(children[1:])
        if kind in CONDITION_CHILD:
            self.condition(children[CONDITION_CHILD[kind]])
        if kind == "ForStmt" and len(node["inner"]) == 5 and node["inner"][2]:
            self.condition(node["inner"][2])
        is_whole = parent is not None and (parent["kind"] in ("CompoundStmt", "CaseStmt") or (
            parent["kind"] in ("IfStmt", "ForStmt", "WhileStmt") and kind in ("ContinueStmt", "BreakStmt")))
        if is_whole and (kind in ("CallExpr", "BinaryOperator", "CompoundAssignOperator", "UnaryOperator", "ContinueStmt",
                                  "BreakStmt", "CStyleCastExpr") or (kind == "ReturnStmt" and not children)):
            self.add("statement", span, "(void)0")

    def binary(self, node, children, span):
        """An operator with two operands becomes its relatives, or one of the operands."""
        left, right = map(self.span, children)
        if left is None or right is None:
            return
        opcode = node["opcode"]
        between = self.source[left[1]:right[0]].decode()
        place = re.sub(r"/\*.*?\*/", lambda comment: " " * len(comment[0]), between, flags=re.DOTALL).find(opcode)
        if place < 0:
            return
        before, after = self.source[span[0]:left[1] + place].decode(), self.source[left[1] + place + len(opcode):span[1]].decode()
        for operator, family in FAMILIES.items():
            for other in family.get(opcode, ()):
                text = f"{before}{other}{after}"
                self.add(operator, span, f"({text})" if family in (BITS, LOGIC) else text)
            if opcode in family and family is not RELATIONS:
                for operand in (left, right):
                    self.add("operand", span, self.source[slice(*operand)].decode())
        for other in ASSIGNMENTS.get(opcode, ()):
            self.add("assignment", span, f"{before}{other}{after}")

    def unary(self, node, children, span):
        """++ becomes --; any other operator is left out."""
        operand = self.text(children[0])
        opcode = node["opcode"]
        if opcode in ("++", "--"):
            other = "--" if opcode == "++" else "++"
            self.add("increment", span, f"{operand}{other}" if node.get("isPostfix") else f"{other}{operand}")
        elif opcode in ("!", "~", "-"):
            self.add("unary", span, operand)

    def reference(self, node, span):
        """One enumerator becomes another of its family."""
        declared = node.get("referencedDecl", {})
        if declared.get("kind") == "EnumConstantDecl":
            family = self.enumerators.get(declared["name"], [])
            place = family.index(declared["name"])
            for other in (family[0], family[place - 1], family[(place + 1) % len(family)]):
                self.add("enumerator", span, other)

    def value(self, node, children, span):
        """A number that is read from a variable, a field or an element is one more, or one less."""
        read = children[0] if children else {}
        if (node.get("castKind") == "LValueToRValue" and read.get("kind") in ("DeclRefExpr", "MemberExpr", "ArraySubscriptExpr")
                and type_of(node) in NUMBERS):
            for change in ("+ 1", "- 1"):
                self.add("variable", span, f"({self.text(node)} {change})")

    def condition(self, node):
        """A condition always holds, never, or the other way round."""
        span = self.span(node)
        if span is not None:
            for replacement in ("true", "false", f"!({self.text(node)})"):
                self.add("condition", span, replacement)

    def returned(self, node):
        """Another value is returned."""
        kind = type_of(node)
        text, span = self.text(node), self.span(node)
        if kind in ("bool", "_Bool"):
            replacements = ("true", "false", f"!({text})")
        elif kind.endswith("*"):
            replacements = ("NULL",)
        elif kind in NUMBERS:
            replacements = ("0", f"({text}) + 1", f"({text}) - 1")
        elif kind.startswith("enum "):
            replacements = ("0",)
        else:
            replacements = ()
        for replacement in replacements:
            self.add("return", span, replacement)

    def arguments(self, arguments):
        """Two arguments of one type change places."""
        for i, first in enumerate(arguments):
            for second in arguments[i + 1:]:
                spans = self.span(first), self.span(second)
                if None not in spans and first["type"]["qualType"] == second["type"]["qualType"]:
                    middle = self.source[spans[0][1]:spans[1][0]].decode()
                    self.add("arguments", (spans[0][0], spans[1][1]), f"{self.text(second)}{middle}{self.text(first)}")


def _enumerators(tree):
    """{enumerator: all of its enum, in their order}."""
    families = {}
    for node in tree["inner"]:
        if node.get("kind") == "EnumDecl":
            names = [child["name"] for child in node.get("inner", []) if child.get("kind") == "EnumConstantDecl"]
            families.update((name, names) for name in names)
    return families


def _is_function(node, file):
    """Is it a function that is defined in a file?"""
    point = _point(node["range"]["end"], file) if node.get("kind") == "FunctionDecl" and node.get("range", {}).get("end") else None
    return point is not None and any(child.get("kind") == "CompoundStmt" for child in node.get("inner", []))


def _one_line(text):
    return " ".join(text.split())


def make_mutants(tree, file, source):
    """Every mutant of a file, in the order of their places. tree: of a translation unit that holds the file."""
    enumerators = _enumerators(tree)
    mutants = []
    counts = collections.Counter()
    for node in tree["inner"]:
        if not _is_function(node, file):
            continue
        maker = _Maker(source, file, node["name"], enumerators)
        maker.visit(node)
        for (begin, end, replacement), operator in sorted(maker.made.items()):
            line_begin = source.rfind(b"\n", 0, begin) + 1
            line = source[line_begin:source.find(b"\n", begin)].decode().strip()
            name = (file, node["name"], line, operator, _one_line(source[begin:end].decode()), replacement)
            counts[name] += 1
            mutants.append(Mutant(*name, counts[name], begin, end, source.count(b"\n", 0, begin) + 1))
    return mutants
