package registry

import (
	"encoding/json"
	"fmt"
)

// AccountStatus has the fields of an account's status that other packages read. The package account owns the whole
// value.
type AccountStatus struct {
	Status  string `json:"status"`
	Cascade string `json:"cascade,omitempty"` // the cause of the cascade that set it
}

// ReadAccountStatus reads the value of a statement of KindStatus.
func ReadAccountStatus(value []byte) (s AccountStatus, err error) {
	if err = json.Unmarshal(value, &s); err != nil {
		err = fmt.Errorf("registry: %q is not a status of an account: %w", value, err)
	}
	return s, err
}

// SIMsFollow has the fields in the details of an account about its SIMs.
type SIMsFollow struct {
	SuspendSIMs *bool `json:"suspend_sims,omitempty"` // whether they are suspended with it; nil: as the account above it
}

// ReadSIMsFollow reads the value of a statement of KindDetails.
func ReadSIMsFollow(value []byte) (f SIMsFollow, err error) {
	if err = json.Unmarshal(value, &f); err != nil {
		err = fmt.Errorf("registry: %q are no details of an account: %w", value, err)
	}
	return f, err
}
