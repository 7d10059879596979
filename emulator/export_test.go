package emulator

import "context"

// CollectIdle collects as a listener does from time to time.
func CollectIdle(ctx context.Context, e *Emulator) error {
	_, err := e.content.CollectIdle(ctx)
	return err
}

// UnderWay returns how many requests are under way.
func (e *Emulator) UnderWay() int64 { return e.underWay.Load() }

// ControlAPI returns method and path of each operation of the control API.
func ControlAPI() (out [][2]string) {
	for _, r := range controlAPI() {
		out = append(out, [2]string{r.method, "/" + r.path})
	}
	return out
}
