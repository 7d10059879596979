//go:build !linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

var errLinux = errors.New("bench reads /proc: it runs on Linux")

func processCPU(int) (time.Duration, error) { return 0, errLinux }
func processPeak(int) (int64, error)        { return 0, errLinux }
func dieWithParent(*exec.Cmd)               {}
func settle()                               {}
func machine() string                       { return runtime.GOOS }

var profileSignal = os.Interrupt
