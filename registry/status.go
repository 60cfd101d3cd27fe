package registry

import (
	"encoding/json"
	"fmt"
)

// AccountStatus is what others read of the status of an account. The package account owns the whole value.
type AccountStatus struct {
	Status  string `json:"status"`
	Cascade string `json:"cascade,omitempty"` // the cause of the cascade by which it came
}

// ReadAccountStatus reads the value of a statement of KindStatus.
func ReadAccountStatus(value []byte) (s AccountStatus, err error) {
	if err = json.Unmarshal(value, &s); err != nil {
		err = fmt.Errorf("registry: %q is no status of an account: %w", value, err)
	}
	return s, err
}

// SIMsFollow is what the details of an account say about its SIMs.
type SIMsFollow struct {
	SuspendSIMs *bool `json:"suspend_sims,omitempty"` // whether they are suspended with it; nil: the account above it says that
}

// ReadSIMsFollow reads the value of a statement of KindDetails.
func ReadSIMsFollow(value []byte) (f SIMsFollow, err error) {
	if err = json.Unmarshal(value, &f); err != nil {
		err = fmt.Errorf("registry: %q are no details of an account: %w", value, err)
	}
	return f, err
}
