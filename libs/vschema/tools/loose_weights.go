// Writes the primary collation weights of golang.org/x/text/collate (English, Loose) to a file.
//
// All numbers are unsigned LEB128. An element is the number 4 * d + kind: kind 0 is a weight, kind 1 a
// weight with a combining class (one byte after it), where d is the zigzag-coded difference to the last
// weight written; kind 2 is a combining class d without a weight; kind 3 is neither (d is 0).
//
//	implicit ranges: count, then for each: start - end of the last one, length, offset.
//	    The weight of a character in it is its code point plus the offset.
//	characters: count, then for each, by code point: code point - the last one, number of elements,
//	    elements. All other characters but Hangul syllables are in an implicit range.
//	contractions: count, then for each: number of characters, their code points, number of elements,
//	    elements.
//	combining classes: count, then for each range of equal classes: start - end of the last one, length,
//	    class of the first character of its decomposition, class of the last.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/collate"
	"golang.org/x/text/internal/colltab"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

const hangulFirst, hangulLast = 0xAC00, 0xD7A3

//go:linkname lookup golang.org/x/text/internal/colltab.(*Trie).lookup
func lookup(t *colltab.Trie, s []byte) (v colltab.Elem, sz int)

//go:linkname ctype golang.org/x/text/internal/colltab.Elem.ctype
func ctype(e colltab.Elem) int

//go:linkname splitContractIndex golang.org/x/text/internal/colltab.splitContractIndex
func splitContractIndex(e colltab.Elem) (index, n, offset int)

type sequence struct {
	runes []rune
	elems []colltab.Elem
}

var (
	collator = collate.New(language.English, collate.Loose)
	table    = tableOf(collator)
)

// tableOf takes the English table out of a collator.
func tableOf(c *collate.Collator) *colltab.Table {
	field := reflect.ValueOf(c).Elem().FieldByName("t")
	weighter := *(*colltab.Weighter)(unsafe.Pointer(field.UnsafeAddr()))
	return weighter.(*colltab.Table)
}

func must(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

// elems gives the elements of a text that is one character or one contraction.
func elems(text string) []colltab.Elem {
	out, size := table.AppendNextString(nil, text)
	must(size == len(text), "%q is not one unit", text)
	return out
}

// contractions lists the texts that begin with r and have weights of their own.
func contractions(r rune) (out []sequence) {
	ce, size := lookup(&table.Index, []byte(string(r)))
	must(size == utf8.RuneLen(r), "size of %U", r)
	const contractionIndex = 1
	if ce == 0 || ctype(ce) != contractionIndex {
		return nil
	}
	index, n, _ := splitContractIndex(ce)
	add := func(suffix []byte) {
		must(utf8.Valid(suffix), "suffix of %U: %x", r, suffix)
		text := string(r) + string(suffix)
		out = append(out, sequence{[]rune(text), elems(text)})
	}
	var down func(states colltab.ContractTrieSet, n int, prefix []byte)
	down = func(states colltab.ContractTrieSet, n int, prefix []byte) {
		const noIndex, final = 0xFF, 0
		for _, e := range states[:n] {
			if e.N != final {
				next := append(bytes.Clone(prefix), e.L)
				if e.I != noIndex {
					add(next)
				}
				down(states[int(e.H)+n:], int(e.N), next)
				continue
			}
			for b := int(e.L); b <= max(int(e.L), int(e.H)); b++ {
				add(append(bytes.Clone(prefix), byte(b)))
			}
		}
	}
	down(table.ContractTries[index:], n, nil)
	return out
}

type writer struct {
	out  []byte
	last int
}

func (w *writer) number(n int) {
	must(n >= 0, "negative number %d", n)
	w.out = binary.AppendUvarint(w.out, uint64(n))
}

func (w *writer) elems(es []colltab.Elem) {
	w.number(len(es))
	for _, e := range es {
		primary, class := e.Primary(), int(e.CCC())
		if primary == 0 {
			if class == 0 {
				w.number(3)
			} else {
				w.number(4*class + 2)
			}
			continue
		}
		d := primary - w.last
		zigzag := d << 1
		if d < 0 {
			zigzag = -d<<1 - 1
		}
		w.last = primary
		if class == 0 {
			w.number(4 * zigzag)
		} else {
			w.number(4*zigzag + 1)
			w.out = append(w.out, byte(class))
		}
	}
}

func implicitOffset(r rune, es []colltab.Elem) int {
	if len(es) == 1 && es[0].CCC() == 0 {
		switch offset := es[0].Primary() - int(r); offset {
		case 0x10000, 0x20000, 0x50000:
			return offset
		}
	}
	return 0
}

// writeSamples writes texts and their keys as hex, to test the reader by: contractions, marks out of
// order, marks between the parts of a contraction, characters of every kind.
func writeSamples(path string, contracted []sequence) {
	random := rand.New(rand.NewSource(1))
	var marks []rune
	for r := rune(0x300); r < 0x1E8D7; r++ {
		if norm.NFD.PropertiesString(string(r)).LeadCCC() != 0 {
			marks = append(marks, r)
		}
	}
	piece := func() []rune {
		switch random.Intn(6) {
		case 0:
			return contracted[random.Intn(len(contracted))].runes
		case 1:
			// A contraction with a mark in its midst.
			runes := contracted[random.Intn(len(contracted))].runes
			at := 1 + random.Intn(len(runes)-1)
			out := append([]rune{}, runes[:at]...)
			return append(append(out, marks[random.Intn(len(marks))]), runes[at:]...)
		case 2:
			return []rune{marks[random.Intn(len(marks))], marks[random.Intn(len(marks))]}
		case 3:
			return []rune{rune(0x20 + random.Intn(0x3000))}
		case 4:
			return []rune{rune(0xAC00 + random.Intn(11172))}
		default:
			return []rune{rune(0x10000 + random.Intn(0x20000))}
		}
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, "text_hex\tkey_hex")
	for range 600 {
		var text []rune
		for range 1 + random.Intn(8) {
			text = append(text, piece()...)
		}
		var buf collate.Buffer
		key := collator.KeyFromString(&buf, string(text))
		fmt.Fprintf(&out, "%s\t%s\n", hex.EncodeToString([]byte(string(text))), hex.EncodeToString(key))
	}
	must(os.WriteFile(path, out.Bytes(), 0o644) == nil, "cannot write %s", path)
}

func main() {
	type span struct{ start, end, a, b int }
	var implicit, classes []span
	var characters, contracted []sequence
	extend := func(spans []span, r rune, a, b int) []span {
		if n := len(spans); n > 0 && spans[n-1].end == int(r) && spans[n-1].a == a && spans[n-1].b == b {
			spans[n-1].end++
			return spans
		}
		return append(spans, span{int(r), int(r) + 1, a, b})
	}
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		text := string(r)
		if p := norm.NFD.PropertiesString(text); p.LeadCCC() != 0 || p.TrailCCC() != 0 {
			classes = extend(classes, r, int(p.LeadCCC()), int(p.TrailCCC()))
		}
		es := elems(text)
		if r >= hangulFirst && r <= hangulLast {
			var parts []colltab.Elem
			for _, jamo := range norm.NFD.String(text) {
				parts = append(parts, elems(string(jamo))...)
			}
			must(reflect.DeepEqual(es, parts), "%U is not the sum of its letters", r)
			continue
		}
		contracted = append(contracted, contractions(r)...)
		if offset := implicitOffset(r, es); offset != 0 {
			implicit = extend(implicit, r, offset, 0)
		} else {
			characters = append(characters, sequence{[]rune{r}, es})
		}
	}
	sort.Slice(contracted, func(i, j int) bool { return string(contracted[i].runes) < string(contracted[j].runes) })

	w := &writer{}
	w.number(len(implicit))
	end := 0
	for _, s := range implicit {
		w.number(s.start - end)
		w.number(s.end - s.start)
		w.number(s.a)
		end = s.end
	}
	w.number(len(characters))
	last := 0
	for _, c := range characters {
		w.number(int(c.runes[0]) - last)
		w.elems(c.elems)
		last = int(c.runes[0])
	}
	w.number(len(contracted))
	for _, c := range contracted {
		w.number(len(c.runes))
		for _, r := range c.runes {
			w.number(int(r))
		}
		w.elems(c.elems)
	}
	w.number(len(classes))
	end = 0
	for _, s := range classes {
		w.number(s.start - end)
		w.number(s.end - s.start)
		w.number(s.a)
		w.number(s.b)
		end = s.end
	}
	must(os.WriteFile(os.Args[1], w.out, 0o644) == nil, "cannot write %s", os.Args[1])
	writeSamples(os.Args[2], contracted)
	fmt.Printf("%d implicit ranges, %d characters, %d contractions, %d classes, %d bytes\n",
		len(implicit), len(characters), len(contracted), len(classes), len(w.out))
}
