// Command checker holds ATF's log to an implementation that shares nothing with it: golang.org/x/mod, as Debian packages it.
//
//	checker log DIR                      signature of the checkpoint, every tile, every entry, inclusion of each 37th
//	checker proof FILE VKEY              a C2SP tlog-proof with its record as the extra data
//	checker consistency REQUEST OLD VKEY the proof of an add-checkpoint request, from the note in OLD
//	checker cosignature NOTE VKEY        a C2SP cosignature/v1, by its specification and crypto/ed25519 alone
//
// It prints one line of facts and ends with 0, or says what is wrong and ends with 1.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func main() {
	facts, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(facts)
}

func run(args []string) (string, error) {
	switch {
	case len(args) == 2 && args[0] == "log":
		return checkLog(args[1])
	case len(args) == 3 && args[0] == "proof":
		return checkProof(args[1], args[2])
	case len(args) == 4 && args[0] == "consistency":
		return checkConsistency(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "cosignature":
		return checkCosignature(args[1], args[2])
	}
	return "", errors.New("usage: checker log|proof|consistency|cosignature …")
}

// openCheckpoint verifies the signature of the log and reads origin, size and root.
func openCheckpoint(text []byte, vkey string) (origin string, tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	return parseCheckpoint(opened.Text, verifier.Name())
}

func parseCheckpoint(text, name string) (string, tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != name {
		return "", tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return lines[0], tlog.Tree{N: size, Hash: root}, err
}

// tiles reads the hash tiles of a log directory. tlog-tiles has the same tiles as the Go checksum database, without their height in the path.
type tiles struct{ dir string }

func (t tiles) Height() int                     { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := t.readTile(tile)
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (t tiles) readTile(tile tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(t.path(tile))
	if errors.Is(err, os.ErrNotExist) && tile.W < 1<<tileHeight {
		// A full tile replaces its partial ones.
		full := tile
		full.W = 1 << tileHeight
		data, err = os.ReadFile(t.path(full))
	}
	if err == nil && len(data) < tile.W*tlog.HashSize {
		err = errors.New(tile.Path() + " is too short")
	}
	if err != nil {
		return nil, err
	}
	return data[:tile.W*tlog.HashSize], nil
}

func (t tiles) path(tile tlog.Tile) string {
	return filepath.Join(t.dir, "tile", strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight)))
}

// entriesOf reads entry bundle n: entries behind big-endian 16-bit lengths.
func (t tiles) entriesOf(n int64, width int) ([][]byte, error) {
	tile := tlog.Tile{H: tileHeight, L: 0, N: n, W: width}
	name := func(tile tlog.Tile) string {
		return strings.Replace(t.path(tile), filepath.Join("tile", "0"), filepath.Join("tile", "entries"), 1)
	}
	data, err := os.ReadFile(name(tile))
	if errors.Is(err, os.ErrNotExist) {
		tile.W = 1 << tileHeight
		data, err = os.ReadFile(name(tile))
	}
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(entries) < width {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d is cut", n)
		}
		length := int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	return entries, nil
}

func checkLog(dir string) (string, error) {
	checkpoint, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	vkey, err := os.ReadFile(filepath.Join(dir, "log.vkey"))
	if err != nil {
		return "", err
	}
	origin, tree, err := openCheckpoint(checkpoint, string(vkey))
	if err != nil {
		return "", err
	}
	reader := tiles{dir}
	// Every hash that comes out of it was checked against the root.
	hashes := tlog.TileHashReader(tree, reader)
	for first := int64(0); first < tree.N; first += 1 << tileHeight {
		width := int64(1 << tileHeight)
		if tree.N-first < width {
			width = tree.N - first
		}
		entries, err := reader.entriesOf(first>>tileHeight, int(width))
		if err != nil {
			return "", err
		}
		for i, entry := range entries {
			if err := checkEntry(tree, hashes, first+int64(i), entry); err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprintf("%s %d %s", origin, tree.N, tree.Hash), nil
}

func checkEntry(tree tlog.Tree, hashes tlog.HashReader, index int64, entry []byte) error {
	hash := tlog.RecordHash(entry)
	stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return err
	}
	if stored[0] != hash {
		return fmt.Errorf("entry %d does not have the hash that was logged", index)
	}
	if index%37 != 0 {
		return nil
	}
	proof, err := tlog.ProveRecord(tree.N, index, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash)
}

func hashesOf(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// split cuts a text at its first empty line.
func split(file string) ([]string, []byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	at := bytes.Index(text, []byte("\n\n"))
	if at < 0 {
		return nil, nil, errors.New("there is no empty line")
	}
	return strings.Split(string(text[:at]), "\n"), text[at+2:], nil
}

func checkProof(file, vkey string) (string, error) {
	lines, checkpoint, err := split(file)
	if err != nil {
		return "", err
	}
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return "", errors.New("not a proof that carries its record")
	}
	record, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return "", err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return "", err
	}
	proof, err := hashesOf(lines[3:])
	if err != nil {
		return "", err
	}
	origin, tree, err := openCheckpoint(checkpoint, vkey)
	if err != nil {
		return "", err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(record)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %d", origin, tree.N, index), nil
}

func checkConsistency(request, old, vkey string) (string, error) {
	lines, checkpoint, err := split(request)
	if err != nil {
		return "", err
	}
	proof, err := hashesOf(lines[1:])
	if err != nil {
		return "", err
	}
	_, newer, err := openCheckpoint(checkpoint, vkey)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(old)
	if err != nil {
		return "", err
	}
	_, older, err := openCheckpoint(text, vkey)
	if err != nil {
		return "", err
	}
	if lines[0] != fmt.Sprintf("old %d", older.N) {
		return "", errors.New("the request begins at another size")
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d", older.N, newer.N), nil
}

// witness is a note.Verifier of the key type 0x04.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	w.time = binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", w.time, text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

func parseWitness(vkey string) (*witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if len(key) != 1+ed25519.PublicKeySize || key[0] != 0x04 {
		return nil, errors.New("not the key of a witness")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("the key id is wrong")
	}
	return &witness{name: parts[0], hash: hash, key: key[1:]}, nil
}

func checkCosignature(file, vkey string) (string, error) {
	verifier, err := parseWitness(vkey)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if _, err := note.Open(text, note.VerifierList(verifier)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d", verifier.name, verifier.time), nil
}
