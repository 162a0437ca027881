// Command twin does what Postern does with one source, as a Go engineer would write it with the standard library
// alone: fetch, pack as tar.gz, digest, store so that a crash leaves all or nothing. It is the peer that
// `make bench` measures Postern's pipeline against.
//
// Three goroutines work side by side, as GOMAXPROCS allows: one receives, one compresses, one digests and writes.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// chunk is how much moves at once between the goroutines.
const chunk = 256 << 10

// outcome is one line of JSON on standard output; the bench reads it.
type outcome struct {
	Seconds    float64 `json:"seconds"`
	Bytes      int64   `json:"bytes"`
	Digest     string  `json:"digest"`
	CPUSeconds float64 `json:"cpuSeconds"`
	RSSBefore  uint64  `json:"rssBefore"`
	RSSPeak    uint64  `json:"rssPeak"`
}

func main() {
	url := flag.String("url", "", "what to fetch")
	dir := flag.String("dir", "", "where to store it")
	flag.Parse()
	if err := run(*url, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "twin:", err)
		os.Exit(1)
	}
}

func run(url, dir string) error {
	before, err := memory("VmRSS")
	if err != nil {
		return err
	}
	start := time.Now()
	digest, size, err := store(url, dir)
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	peak, err := memory("VmHWM")
	if err != nil {
		return err
	}
	cpu, err := cpuSeconds()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{seconds, size, digest, cpu, before, peak})
}

// store fetches url and leaves it as <dir>/<digest>.tar.gz.
func store(url, dir string) (digest string, size int64, err error) {
	response, err := http.Get(url)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ContentLength < 0 {
		return "", 0, fmt.Errorf("%s answered %s with length %d", url, response.Status, response.ContentLength)
	}
	file, err := os.CreateTemp(dir, ".upload-*")
	if err != nil {
		return "", 0, err
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	digest, size, err = transfer(file, response.Body, response.ContentLength)
	if err != nil {
		return "", 0, err
	}
	return digest, size, publish(file, filepath.Join(dir, digest+".tar.gz"))
}

// transfer runs the three stages and returns the digest and size of the archive.
func transfer(file io.Writer, body io.Reader, length int64) (string, int64, error) {
	received, receive := io.Pipe()
	packed, packing := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{receive}, struct{ io.Reader }{body}, make([]byte, chunk))
		receive.CloseWithError(err)
	}()
	go func() {
		err := pack(packing, received, length)
		received.CloseWithError(err)
		packing.CloseWithError(err)
	}()
	hash := sha256.New()
	size, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(hash, file)}, packed, make([]byte, chunk))
	packed.CloseWithError(err)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// pack writes body as the one file of a reproducible tar.gz at the default level.
func pack(to io.Writer, body io.Reader, length int64) error {
	buffered := bufio.NewWriterSize(to, chunk)
	compressor := gzip.NewWriter(buffered)
	archive := tar.NewWriter(compressor)
	header := &tar.Header{Name: "data", Mode: 0o644, Size: length, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{archive}, body, make([]byte, chunk)); err != nil {
		return err
	}
	return errors.Join(archive.Close(), compressor.Close(), buffered.Flush())
}

// publish makes the file durable, then visible under its name, then its name durable.
func publish(file *os.File, name string) error {
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// memory reads a figure of /proc/self/status, in bytes.
func memory(field string) (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, field+":"); found {
			kibibytes, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status holds no %s", field)
}

// cpuSeconds is what this process has used, of user and system time.
func cpuSeconds() (float64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}
