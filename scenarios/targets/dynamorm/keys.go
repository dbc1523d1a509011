package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// keyARN names the key under which encrypted fields are stored.
const keyARN = "arn:aws:kms:us-east-1:000000000000:key/proofhouse"

// keyService stands for AWS KMS, by the hook that the library offers for tests: data keys are wrapped
// under one key of the process. Its randomness comes from the seed, so that runs repeat.
type keyService struct {
	mu     sync.Mutex
	random *rand.ChaCha8
	wrap   cipher.AEAD
}

func newKeyService(seed int64) *keyService {
	var full [32]byte
	for i := range 8 {
		full[i] = byte(seed >> (8 * i))
	}
	service := &keyService{random: rand.NewChaCha8(full)}
	block, err := aes.NewCipher(service.bytes(32))
	if err == nil {
		service.wrap, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err) // 32 bytes are a key of AES
	}
	return service
}

// Read gives the randomness of the library's nonces.
func (s *keyService) Read(into []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Read(into)
}

func (s *keyService) bytes(n int) []byte {
	out := make([]byte, n)
	_, _ = s.Read(out) // ChaCha8 does not fail
	return out
}

// GenerateDataKey makes a data key and wraps it.
func (s *keyService) GenerateDataKey(
	_ context.Context, _ *kms.GenerateDataKeyInput, _ ...func(*kms.Options),
) (*kms.GenerateDataKeyOutput, error) {
	key, nonce := s.bytes(32), s.bytes(s.wrap.NonceSize())
	return &kms.GenerateDataKeyOutput{Plaintext: key, CiphertextBlob: s.wrap.Seal(nonce, nonce, key, nil)}, nil
}

// Decrypt unwraps a data key.
func (s *keyService) Decrypt(
	_ context.Context, input *kms.DecryptInput, _ ...func(*kms.Options),
) (*kms.DecryptOutput, error) {
	size := s.wrap.NonceSize()
	if len(input.CiphertextBlob) < size {
		return nil, errors.New("InvalidCiphertextException")
	}
	key, err := s.wrap.Open(nil, input.CiphertextBlob[:size], input.CiphertextBlob[size:], nil)
	if err != nil {
		return nil, errors.New("InvalidCiphertextException")
	}
	return &kms.DecryptOutput{Plaintext: key}, nil
}
